"""Times and source addresses that exfiltrace reads, against parsers that are not ours: apachelogs and zat.

Takes the binary and the folders of logs. Fails where a line differs and no entry of EXPLAINED says why we are right.
"""
import collections
import contextlib
import datetime
import io
import ipaddress
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

os.environ["TZ"] = "UTC"  # zat gives local times

import apachelogs
from zat.zeek_log_reader import ZeekLogReader


def parser(form):
    return apachelogs.LogParser(form, encoding="utf-8", errors="replace")


# The forms that apachelogs knows of itself, also with the server's name before them, as nginx is told to write: by what stands before
# the stamp, and whether quotes end the line. Of a line in another form its patterns may try every way to divide what is quoted.
FORMS = {
    ("host", True): parser(apachelogs.COMBINED),
    ("host", False): parser(apachelogs.COMMON),
    ("server:port", True): parser(apachelogs.VHOST_COMBINED),
    ("server:port", False): parser(apachelogs.VHOST_COMMON),
    ("server", True): parser("%v " + apachelogs.COMBINED),
    ("server", False): parser("%v " + apachelogs.COMMON),
}
PATIENCE_SECS = 1
STAMP = re.compile(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] \"")

# 2 January 1970 and before, which zat takes for a time.
FIRST_DAY = 86_400_000_000

# What is read otherwise than by the other parser, and why ours is right.
EXPLAINED = [
    (
        lambda ours, theirs: ours == (None, theirs[1]) and theirs[0] is not None and theirs[0] < FIRST_DAY,
        "Zeek counts from zero until it has seen a packet with a time: that is no time, and no record is of 1970",
    ),
]


class Count(collections.Counter):
    def differs(self, what, source, record, ours, theirs):
        is_explained = any(explains(ours, theirs) for explains, _ in EXPLAINED)
        self["explained" if is_explained else "different"] += 1
        if not is_explained and self["different"] <= 20:
            print(f"{source}: {what}: {record[:200]!r}: {ours!r}, not {theirs!r}")

    def told(self, name):
        figures = ", ".join(f"{self[key]} {key}" for key in ("compared", "equal", "explained", "different", "left"))
        print(f"{name}: {figures}")
        assert self["compared"] > 0, f"{name} compared nothing"
        return self["different"]


def instant(text):
    """Microseconds since the epoch of a time as exfiltrace prints it."""
    return None if text is None else micros(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")))


def micros(time):
    time = time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)
    return (time - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


def address(text):
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def form(line):
    """The form that a line of an access log seems to have."""
    stamp = STAMP.search(line)
    columns = line[: stamp.start()].split(" ")[:-1] if stamp else []
    begin = None
    if len(columns) == 3:
        begin = "host"
    elif len(columns) == 4:
        begin = "server:port" if re.search(r":\d+$", columns[0]) else "server"
    return FORMS.get((begin, line.endswith('"')))


def entry(line):
    parser = form(line)
    if parser is None:
        return None
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECS)
    try:
        return parser.parse(line)
    except (apachelogs.InvalidEntryError, TimeoutError):
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def give_up(*_):
    raise TimeoutError


def access(record, count):
    theirs = entry(record["record"])
    if theirs is None:
        # Of our access logs: records in other logs, and lines with more than the forms of Apache have.
        count["left"] += record["format"] == "access"
        return
    compare(record, micros(theirs.request_time), address(theirs.remote_host), count)


def compare(record, time, source, count):
    count["compared"] += 1
    ours = instant(record["time"]), address(next(iter(record["fields"].get("source.ip", [])), ""))
    if ours == (time, source):
        count["equal"] += 1
    else:
        count.differs(record["format"], record["source"], record["record"], ours, (time, source))


def zeek(path, records, count):
    """A Zeek log of tab-separated columns, row by row."""
    log = list(parts(path))
    if not all(any(line.startswith("#types") for line in part) for part in log):
        # Without it zat takes the first row for the types.
        count["left"] += len(records)
        return
    rows = [row for part in log for row in rows_of(part)]
    if len(rows) != len(records):
        count.differs("rows", path, "", (len(records), None), (len(rows), None))
        return
    for record, row in zip(records, rows):
        time, source = row.get("ts"), row.get("id.orig_h", "")
        compare(record, micros(time) if isinstance(time, datetime.datetime) else None, address(source), count)


def parts(path):
    """The lines of a log, cut where another header begins, as zat reads one only, and without the marks of its end."""
    part, is_header = [], True
    with open(path, encoding="utf-8", errors="replace", newline="\n") as handle:
        for line in handle:
            if line.startswith("#close"):
                continue
            if line.startswith("#") and not is_header:
                yield part
                part = []
            is_header = line.startswith("#")
            part.append(line)
    yield part


def rows_of(part):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="\n", suffix=".log") as handle:
        handle.writelines(part)
        handle.flush()
        with contextlib.redirect_stdout(io.StringIO()):
            return list(ZeekLogReader(handle.name, delimiter=separator_of(part)).readrows())


def separator_of(part):
    named = (line.split(" ", 1)[1].strip() for line in part if line.startswith("#separator "))
    return next(named, "\\x09").encode().decode("unicode_escape")


def is_zeek(path):
    with open(path, "rb") as handle:
        return b"\n#fields\t" in b"\n" + handle.read(4096)


def records(binary, path):
    """Each record of the logs below a path."""
    shown = subprocess.Popen([binary, "formats", "test", "--json", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with shown.stdout as lines:
        yield from map(json.loads, lines)
    assert shown.wait() in (0, 1), f"exfiltrace cannot read {path}"


signal.signal(signal.SIGALRM, give_up)
binary, *folders = sys.argv[1:]
lines, rows = Count(), Count()
for folder in folders:
    by_source = collections.defaultdict(list)
    for record in records(binary, folder):
        if record["format"] == "zeek":
            by_source[record["source"]].append(record)
        access(record, lines)
    root = os.path.dirname(folder.rstrip("/"))
    for source, of_source in by_source.items():
        path = os.path.join(root, source.replace("%25", "%"))
        if os.path.isfile(path) and is_zeek(path):
            zeek(path, of_source, rows)
sys.exit(1 if lines.told("apachelogs") + rows.told("zat") else 0)
