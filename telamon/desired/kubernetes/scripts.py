"""What runs in a pod besides the product, with nothing but what its own image brings: a shell, Python, keytool."""

from __future__ import annotations

from typing import Final

COPY_FOLDER: Final = 'cp -R "$1/." "$2/"'
"""Copies a folder of the image to where it can be written to: from the first argument to the second."""

TRUST_AUTHORITIES: Final = """\
set -eu
store="$1/cacerts"
one="$1/one.pem"
cp "$JAVA_HOME/lib/security/cacerts" "$store"
chmod 0600 "$store"
number=0
for bundle in "$2"/*; do
  inside=no
  while IFS= read -r line || [ -n "$line" ]; do
    case "$line" in *"BEGIN CERTIFICATE"*) inside=yes; : > "$one" ;; esac
    if [ "$inside" = yes ]; then printf '%s\\n' "$line" >> "$one"; fi
    case "$line" in *"END CERTIFICATE"*)
      number=$((number + 1))
      keytool -importcert -noprompt -keystore "$store" -storepass changeit -alias "telamon-$number" -file "$one"
      inside=no ;;
    esac
  done < "$bundle"
done
rm -f "$one"
test "$number" -gt 0 || { echo "there is no certificate in $2" >&2; exit 1; }
"""
"""Adds every certificate of every file below the second argument to a copy of Java's own authorities.

keytool reads the first certificate of a file alone, so each is handed to it by itself.
"""

LOOK_INTO_BODY: Final = """\
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=3) as answer:
    sys.exit(sys.argv[2].encode() not in answer.read(16384))
"""
"""Succeeds where a page answers well and its body contains a text; the images bring Python for their own start."""

CLEAR_INDEX: Final = """\
set -eu
cd "$TELAMON_HOME"
index="$1"
shift
for position in "$@"; do
  if [ -d "$position" ]; then rm -rf "$position"; mkdir "$position"; else rm -f "$position"; fi
done
sync -f .
away="$(dirname "$index")/.$(basename "$index").telamon-cleared"
rm -rf "$away"
if [ -e "$index" ]; then mv "$index" "$away"; fi
sync -f .
rm -rf "$away"
"""
"""Takes the index of a node away: the first argument, below the node's own home, after the notes that are named next.

Notes go first, and for certain: an index without a note is recovered, a note without its index would be believed. Cut
off anywhere, and begun again, it comes to the same end. Source of ``-f``: GNU coreutils, "sync invocation".
"""

SETTLE_LOGIN: Final = r"""\
import html, json, os, re
path = os.environ["TELAMON_FILE"]
if not os.path.exists(path):
    raise SystemExit
with open(path, encoding="utf-8", newline="") as file:
    before = after = file.read()
for opening, given in json.loads(os.environ["TELAMON_PLACES"]).items():
    tag = re.escape(opening.partition(" ")[0])
    element = rf"<{re.escape(opening)}\s*(?:/>|>.*?</{tag}\s*>)"
    if given is None:
        after = re.sub(rf"\s*{element}", "", after, flags=re.DOTALL)
    else:
        value = html.escape(os.environ[given], quote=False)
        text = f"<{opening}>{value}</{opening.partition(' ')[0]}>"
        after = re.sub(element, lambda _: text, after, flags=re.DOTALL)
if after != before:
    new = f"{path}.telamon"
    mode = os.stat(path).st_mode & 0o777
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8", newline="") as file:
        file.write(after)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
"""
"""Writes a log-in into the file in which a node keeps it, where that says something else; without a file it is done.

The image brings Python, and nothing of Telamon: what is written is what :class:`telamon.products.login.LoginFile` would
write, and a test holds the one against the other.
"""
