"""SQL of the metrics' history, compiled from its models by `./dev sql`: do not edit it here."""

CREATE_CHUNK = (
    "\n"
    "CREATE TABLE IF NOT EXISTS chunk (\n"
    "\tseries INTEGER NOT NULL, \n"
    "\tslot INTEGER NOT NULL, \n"
    "\tend_ms INTEGER NOT NULL, \n"
    "\tasked_ms INTEGER NOT NULL, \n"
    "\tdata BLOB NOT NULL, \n"
    "\tPRIMARY KEY (series, slot)\n"
    ")\n"
    " STRICT\n"
    "\n"
)
CREATE_SERIES = (
    "\n"
    "CREATE TABLE IF NOT EXISTS series (\n"
    "\tid INTEGER NOT NULL, \n"
    '\t"key" TEXT NOT NULL, \n'
    "\tPRIMARY KEY (id), \n"
    '\tUNIQUE ("key")\n'
    ")\n"
    " STRICT\n"
    "\n"
)
CREATE_INDEX_OLDEST = "CREATE INDEX IF NOT EXISTS oldest ON chunk (end_ms)"
ADD_SERIES = 'INSERT INTO series ("key") VALUES (?) ON CONFLICT ("key") DO NOTHING'
SERIES = 'SELECT series.id FROM series WHERE series."key" = ?'
DROP_SERIES = "DELETE FROM series WHERE (series.id NOT IN (SELECT chunk.series FROM chunk))"
CHUNKS = (
    "SELECT chunk.slot, chunk.asked_ms, chunk.data FROM chunk WHERE chunk.series = ? AND chunk.slot "
    "BETWEEN ? AND ?"
)
CHUNK = "SELECT chunk.data FROM chunk WHERE chunk.series = ? AND chunk.slot = ?"
PUT_CHUNK = (
    "INSERT INTO chunk (series, slot, end_ms, asked_ms, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT "
    "(series, slot) DO UPDATE SET asked_ms = excluded.asked_ms, data = excluded.data"
)
DROP_CHUNK = "DELETE FROM chunk WHERE chunk.series = ? AND chunk.slot = ?"
DROP_OLDER = "DELETE FROM chunk WHERE chunk.end_ms < ?"
DROP_OLDEST = (
    "DELETE FROM chunk WHERE rowid IN (SELECT rowid FROM chunk ORDER BY chunk.end_ms LIMIT (SELECT "
    "(count(*) / 8) + 1 AS anon_1 FROM chunk) OFFSET 0)"
)

TABLES = (
    CREATE_CHUNK,
    CREATE_SERIES,
    CREATE_INDEX_OLDEST,
)
