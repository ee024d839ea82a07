"""The search index of one node, and the journal that feeds it.

The folder is ``<local home>/index``; the product keeps its Lucene index there. Source: JAC/CONFSERVER-43391.
"""

from __future__ import annotations

import datetime as dt
import logging
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from understudy.confluence.content import Content, find_many, list_ancestors, list_labels
from understudy.confluence.cql import Cql
from understudy.confluence.cqlquery import Asker, build_query, order_field
from understudy.confluence.journal import JOURNAL, PositionFile, newest_entry
from understudy.confluence.markup import plain_text
from understudy.kit.database import Connection, Database
from understudy.kit.errors import IndexBroken, IndexMissing, IndexProblem
from understudy.kit.follower import Follower
from understudy.kit.homes import empty_folder, write_with
from understudy.kit.index import Document, Hits, IndexFields, SearchIndex
from understudy.kit.sabotage import EverySo

_LOG = logging.getLogger("understudy.confluence.index")

FIELDS = IndexFields(
    text=("title", "text"),
    keywords=(
        "ancestor", "container", "contributor", "creator", "id", "label", "parent", "sorttitle", "space", "type",
    ),
    integers=("created", "modified"),
)  # fmt: skip
_BATCH = 500


class WikiIndex:
    """Opens, feeds, searches, rebuilds and copies the index.

    Args:
        database: where the content and the journal are.
        local_home: of the node.
        gather_seconds: how long changes are gathered, so that one commit carries them.
        drops: which entries of the journal are left out, where the node is to betray its users.
    """

    def __init__(
        self, database: Database, *, local_home: Path, gather_seconds: float, drops: EverySo
    ) -> None:
        self.folder = local_home / "index"
        self.position_file = PositionFile(local_home)
        self._database = database
        self._gather_seconds = gather_seconds
        self._drops = drops
        self._guard = threading.RLock()
        self._index: SearchIndex | None = None
        self._follower: Follower | None = None
        self._progress = (0, 0)

    @property
    def position(self) -> int:
        """Id of the last journal entry in the index."""
        follower = self._follower
        return self.position_file.read() if follower is None else follower.position

    @property
    def progress(self) -> tuple[int, int]:
        """How much of the last rebuild is done: documents so far, and documents altogether."""
        return self._progress

    def trouble(self) -> str | None:
        """Why this node cannot search, or falls behind; None when all is well."""
        index, follower = self._index, self._follower
        if index is None or follower is None:
            return "the index is not open"
        if follower.trouble is not None:
            return follower.trouble
        try:
            index.verify()
        except IndexProblem as error:
            return str(error)
        return None

    def open(self) -> None:
        """Open what is on the disk.

        Raises:
            IndexMissing: nothing is there.
            IndexBroken: it cannot be read.
        """
        with self._guard:
            self._index = SearchIndex.open(self.folder, FIELDS)

    def follow(self) -> None:
        """Begin to follow the journal from the noted position."""
        with self._guard:
            follower = Follower(
                "journal",
                advance=self._advance,
                position=self.position_file.read(),
                gather_seconds=self._gather_seconds,
            )
            self._follower = follower
            follower.start()

    def catch_up(self, *, timeout: float) -> bool:
        """Wait until everything that is in the journal now is in the index.

        Returns:
            False when the time, in seconds, is over.
        """
        follower = self._follower
        return follower is not None and follower.wait_for(newest_entry(self._database), timeout=timeout)

    def hint(self) -> None:
        """There may be something new in the journal."""
        if (follower := self._follower) is not None:
            follower.hint()

    def search(self, cql: Cql, asker: Asker, *, start: int, limit: int) -> Hits:
        """Find the ids of content.

        Raises:
            IndexProblem: the index cannot be searched.
            BadRequest: the query goes beyond what is held.
        """
        index = self._index
        if index is None:
            raise IndexMissing("the index is not open")
        return index.search(
            build_query(cql, index, asker=asker),
            limit=limit,
            offset=start,
            order_by=order_field(cql),
            descending=cql.descending,
        )

    def rebuild(self) -> int:
        """Make the index anew out of the database; gives the position it stands at.

        The old index serves, and is fed, until the new one is complete. The position is taken before the
        first row is read: what changes meanwhile is read twice, which does no harm, and never left out.
        """
        with self._guard:
            position = newest_entry(self._database)
            folder = self.folder.with_name("index.rebuild")
            index = SearchIndex.create(folder, FIELDS)
            done, total = 0, self._count()
            self._progress = (0, total)
            for batch in self._batches():
                index.apply(self._documents(batch))
                done += len(batch)
                self._progress = (done, max(total, done))
            index.close()
            self._replace(folder, position)
            _LOG.info("index rebuilt: %d documents, journal entry %d", done, position)
            return position

    def clear(self) -> None:
        """Take every document out of the index and go on following."""
        with self._guard:
            folder = self.folder.with_name("index.rebuild")
            SearchIndex.create(folder, FIELDS).close()
            self._replace(folder, self.position)

    def pause(self) -> None:
        """Stop feeding; the index stays open for searches."""
        with self._guard:
            if self._follower is not None:
                self._follower.stop()
                self._follower = None

    def close(self) -> None:
        """Stop feeding and close the index."""
        with self._guard:
            self.pause()
            if self._index is not None:
                self._index.close()
                self._index = None

    def damage(self) -> int:
        """Overwrite the segments on the disk, as a failing disk would; gives the number of files hit."""
        hit = 0
        for path in self.folder.rglob("*"):
            if path.suffix in {".store", ".term", ".idx", ".fast"}:
                with path.open("r+b") as file:
                    file.write(bytes(path.stat().st_size))
                hit += 1
        return hit

    def write_snapshot(self, target: Path) -> int:
        """Write a zip of the index; gives the journal position it stands at, which is never too new.

        Raises:
            IndexMissing: the index is not open.
        """
        index = self._index
        if index is None:
            raise IndexMissing("the index is not open")
        position = self.position
        scratch = self.folder.parent / "temp" / f"{target.stem}.part"
        empty_folder(scratch)
        try:
            index.copy_to(scratch)
            write_with(target, lambda file: _zip_folder(scratch, file))
        finally:
            _remove_tree(scratch)
        return position

    def restore_snapshot(self, source: Path, position: int) -> None:
        """Put the index out of a zip in place of the one here, and open it.

        Raises:
            IndexBroken: the zip does not hold an index that can be read; the one here is left alone.
        """
        with self._guard:
            folder = self.folder.with_name("index.restore")
            empty_folder(folder)
            try:
                with zipfile.ZipFile(source) as archive:
                    archive.extractall(folder)
            except (zipfile.BadZipFile, OSError) as error:
                raise IndexBroken(f"the snapshot {source.name} cannot be read: {error}") from error
            SearchIndex.open(folder, FIELDS).close()
            self._replace(folder, position)

    def _replace(self, folder: Path, position: int) -> None:
        """Swap in the index of another folder; searches go on meanwhile with the files held open."""
        following = self._follower is not None
        self.pause()
        self.position_file.remove()
        if self._index is not None:
            self._index.close()
        if self.folder.exists():
            shutil.rmtree(self.folder)
        folder.rename(self.folder)
        self._index = SearchIndex.open(self.folder, FIELDS)
        self.position_file.write(position)
        if following:
            self.follow()

    def _advance(self, position: int) -> int:
        index = self._index
        if index is None:
            return position
        with self._database.transaction() as connection:
            rows = connection.execute(
                """select entry_id, message from journalentry where journal_name = %s and entry_id > %s
                    order by entry_id limit %s""",
                (JOURNAL, position, _BATCH),
            ).fetchall()
            if not rows:
                return position
            changed = sorted({int(row["message"]) for row in rows if not self._drops.now()})
            documents = self._load(connection, changed)
        kept = {document.key for document in documents}
        index.apply(documents, deleted=[str(key) for key in changed if str(key) not in kept])
        reached = int(rows[-1]["entry_id"])
        try:
            self.position_file.write(reached)
        except OSError as error:
            raise IndexBroken(f"the position of the index cannot be written: {error}") from error
        return reached

    def _count(self) -> int:
        row = self._database.fetch_one(
            "select count(*) as total from content where prevver is null and content_status = 'current'"
        )
        return int(row["total"]) if row is not None else 0

    def _batches(self) -> Iterator[list[int]]:
        after = 0
        while True:
            rows = self._database.fetch_all(
                """select contentid from content where prevver is null and content_status = 'current'
                    and contentid > %s order by contentid limit %s""",
                (after, _BATCH),
            )
            if not rows:
                return
            after = rows[-1]["contentid"]
            yield [row["contentid"] for row in rows]

    def _documents(self, content_ids: list[int]) -> list[Document]:
        with self._database.reading() as connection:
            return self._load(connection, content_ids)

    @staticmethod
    def _load(connection: Connection, content_ids: list[int]) -> list[Document]:
        found = find_many(connection, content_ids)
        return [_document(connection, content) for content in found.values()]


def _document(connection: Connection, content: Content) -> Document:
    container = content.container
    above = [ancestor.content_id for ancestor in list_ancestors(connection, content.content_id)]
    return Document(
        str(content.content_id),
        {
            "id": str(content.content_id),
            "type": content.kind,
            "title": content.title,
            "sorttitle": content.title.lower(),
            "text": plain_text(content.body),
            "space": content.space_key.lower(),
            "creator": content.creator.name.lower(),
            "contributor": sorted({content.creator.name.lower(), content.modifier.name.lower()}),
            "label": list_labels(connection, content.content_id),
            "ancestor": [str(ancestor) for ancestor in above],
            "parent": [] if content.parent is None else [str(content.parent)],
            "container": [] if container is None else [str(container)],
            "created": _milliseconds(content.created),
            "modified": _milliseconds(content.modified),
        },
    )


def _milliseconds(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def _zip_folder(folder: Path, file: BinaryIO) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))


def _remove_tree(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
