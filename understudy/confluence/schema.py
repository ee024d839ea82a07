"""The tables, named as the product names its own where that is known.

Sources for the names: ``journalentry`` from JAC/CONFSERVER-43391; ``confversion``, ``clustersafety``,
``spaces``, ``content``, ``bodycontent``, ``content_label`` and ``label`` from the vendor's page
"Confluence Data Model". The columns are those that this stand-in needs. ``clusterupgrade`` is the
stand-in's own: where the product keeps the state of a rolling upgrade is not documented.
"""

from __future__ import annotations

from typing import LiteralString

STATEMENTS: tuple[LiteralString, ...] = (
    "create sequence if not exists content_ids start with 65537 increment by 1",
    """create table if not exists confversion (
        confversionid integer primary key check (confversionid = 1),
        buildnumber integer not null,
        version text not null,
        versiontag text not null default '')""",
    """create table if not exists clustersafety (
        clustersafetyid integer primary key check (clustersafetyid = 1),
        safetynumber integer)""",
    """create table if not exists clusterupgrade (
        id integer primary key check (id = 1),
        enabled boolean not null default false,
        original_version text not null default '',
        runner text not null default '',
        failure text not null default '')""",
    """create table if not exists bandana (
        bandanakey text primary key,
        bandanavalue text not null)""",
    """create table if not exists spaces (
        spaceid bigint primary key default nextval('content_ids'),
        spacekey text not null,
        lowerspacekey text not null unique,
        spacename text not null,
        description text not null default '',
        spacetype text not null default 'global',
        spacestatus text not null default 'CURRENT',
        homepage bigint,
        creator text not null,
        creationdate timestamptz not null default now())""",
    """create table if not exists content (
        contentid bigint primary key default nextval('content_ids'),
        contenttype text not null,
        title text not null,
        lowertitle text not null,
        version integer not null default 1,
        creator text not null,
        creationdate timestamptz not null default now(),
        lastmodifier text not null,
        lastmoddate timestamptz not null default now(),
        versioncomment text not null default '',
        minoredit boolean not null default false,
        prevver bigint references content on delete cascade,
        content_status text not null default 'current',
        pageid bigint references content on delete cascade,
        spaceid bigint references spaces on delete cascade,
        parentid bigint references content on delete set null,
        mediatype text not null default '',
        filesize bigint not null default 0)""",
    """create unique index if not exists content_title on content (spaceid, lowertitle, contenttype)
        where prevver is null and content_status = 'current' and contenttype in ('page', 'blogpost')""",
    """create unique index if not exists content_file on content (pageid, lowertitle)
        where prevver is null and content_status = 'current' and contenttype = 'attachment'""",
    "create unique index if not exists content_versions on content (prevver, version) where prevver is not null",
    "create index if not exists content_parent on content (parentid) where prevver is null",
    "create index if not exists content_container on content (pageid) where prevver is null",
    "create index if not exists content_recent on content (lastmoddate) where prevver is null",
    """create table if not exists bodycontent (
        contentid bigint primary key references content on delete cascade,
        body text not null)""",
    """create table if not exists label (
        contentid bigint not null references content on delete cascade,
        name text not null,
        owner text not null,
        primary key (contentid, name))""",
    """create table if not exists journalentry (
        entry_id bigint generated always as identity primary key,
        journal_name text not null,
        creationdate timestamptz not null default now(),
        type text not null,
        message text not null)""",
)
