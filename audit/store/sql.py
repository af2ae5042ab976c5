"""SQL of the log, compiled from its models by `./dev sql`: do not edit it here."""

CREATE_AUDIT_CHECKPOINT = (
    "\n"
    "CREATE TABLE audit_checkpoint (\n"
    "\tsize INTEGER NOT NULL, \n"
    "\troot BLOB NOT NULL, \n"
    "\tnote TEXT NOT NULL, \n"
    "\tPRIMARY KEY (size)\n"
    ")\n"
    "\n"
)
CREATE_AUDIT_CLAIM = (
    "\n"
    "CREATE TABLE audit_claim (\n"
    '\t"key" TEXT NOT NULL, \n'
    "\tvalue BIGINT NOT NULL, \n"
    '\tPRIMARY KEY ("key")\n'
    ")\n"
    " WITHOUT ROWID\n"
    "\n"
)
CREATE_AUDIT_ENTRY = (
    "\n"
    "CREATE TABLE audit_entry (\n"
    "\tseq INTEGER NOT NULL, \n"
    "\trecord_id TEXT NOT NULL, \n"
    "\tts_ns BIGINT NOT NULL, \n"
    "\tkind TEXT NOT NULL, \n"
    "\trun_id TEXT, \n"
    "\tactor_id TEXT NOT NULL, \n"
    "\trequest_id TEXT, \n"
    "\trequest_digest TEXT, \n"
    "\tresource_key TEXT, \n"
    "\tverdict TEXT, \n"
    "\tleaf_hash BLOB NOT NULL, \n"
    "\tbody BLOB NOT NULL, \n"
    "\tPRIMARY KEY (seq), \n"
    "\tUNIQUE (record_id)\n"
    ")\n"
    "\n"
)
CREATE_AUDIT_TILE = (
    "\n"
    "CREATE TABLE audit_tile (\n"
    "\tlevel INTEGER NOT NULL, \n"
    "\tidx BIGINT NOT NULL, \n"
    "\troot BLOB NOT NULL, \n"
    "\tdata BLOB NOT NULL, \n"
    "\tPRIMARY KEY (level, idx)\n"
    ")\n"
    "\n"
)
CREATE_INDEX_AUDIT_ENTRY_KIND = "CREATE INDEX audit_entry_kind ON audit_entry (kind)"
CREATE_INDEX_AUDIT_ENTRY_REQUEST_DIGEST = (
    "CREATE INDEX audit_entry_request_digest ON audit_entry (request_digest) WHERE request_digest IS NOT NULL"
)
CREATE_INDEX_AUDIT_ENTRY_REQUEST_ID = (
    "CREATE INDEX audit_entry_request_id ON audit_entry (request_id) WHERE request_id IS NOT NULL"
)
CREATE_INDEX_AUDIT_ENTRY_RESOURCE_KEY = (
    "CREATE INDEX audit_entry_resource_key ON audit_entry (resource_key) WHERE resource_key IS NOT NULL"
)
CREATE_INDEX_AUDIT_ENTRY_RUN_ID = (
    "CREATE INDEX audit_entry_run_id ON audit_entry (run_id) WHERE run_id IS NOT NULL"
)
INSERT_ENTRY = (
    "INSERT INTO audit_entry (seq, record_id, ts_ns, kind, run_id, actor_id, request_id, "
    "request_digest, resource_key, verdict, leaf_hash, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
    "?, ?)"
)
INSERT_TILE = "INSERT INTO audit_tile (level, idx, root, data) VALUES (?, ?, ?, ?)"
INSERT_CHECKPOINT = "INSERT INTO audit_checkpoint (size, root, note) VALUES (?, ?, ?)"
CLAIM = 'SELECT audit_claim.value FROM audit_claim WHERE audit_claim."key" = ?'
PUT_CLAIM = (
    'INSERT INTO audit_claim ("key", value) VALUES (?, ?) ON CONFLICT ("key") DO UPDATE SET value = '
    "excluded.value"
)
LAST_SEQ = "SELECT max(audit_entry.seq) AS max_1 FROM audit_entry"
NEWEST_CHECKPOINT = (
    "SELECT audit_checkpoint.size, audit_checkpoint.root, audit_checkpoint.note FROM "
    "audit_checkpoint WHERE audit_checkpoint.size = (SELECT max(audit_checkpoint.size) AS max_1 FROM "
    "audit_checkpoint)"
)
BODY = "SELECT audit_entry.body FROM audit_entry WHERE audit_entry.seq = ?"
LEAVES = (
    "SELECT audit_entry.leaf_hash FROM audit_entry WHERE audit_entry.seq >= ? AND audit_entry.seq < "
    "? ORDER BY audit_entry.seq"
)
TILE_ROOTS = (
    "SELECT audit_tile.root FROM audit_tile WHERE audit_tile.level = ? AND audit_tile.idx >= ? AND "
    "audit_tile.idx < ? ORDER BY audit_tile.idx"
)
ENTRY_BY_SEQ = (
    "SELECT audit_entry.seq, audit_entry.body, audit_entry.leaf_hash FROM audit_entry WHERE "
    "audit_entry.seq = ?"
)
ENTRY_BY_ID = (
    "SELECT audit_entry.seq, audit_entry.body, audit_entry.leaf_hash FROM audit_entry WHERE "
    "audit_entry.record_id = ?"
)
ENTRIES_BY_REQUEST = (
    "SELECT audit_entry.seq, audit_entry.body, audit_entry.leaf_hash FROM audit_entry WHERE "
    "audit_entry.request_id = ? ORDER BY audit_entry.seq"
)
CLAIMS = 'SELECT audit_claim."key", audit_claim.value FROM audit_claim WHERE audit_claim."key" IN (?)'
CLAIMS_BETWEEN = (
    'SELECT audit_claim."key", audit_claim.value FROM audit_claim WHERE audit_claim."key" >= ? AND '
    'audit_claim."key" < ? AND audit_claim.value != 0 ORDER BY audit_claim."key"'
)
ROOT_AT = "SELECT audit_checkpoint.root FROM audit_checkpoint WHERE audit_checkpoint.size = ?"
FIRST_NOTE_OVER = (
    "SELECT audit_checkpoint.note FROM audit_checkpoint WHERE audit_checkpoint.size = (SELECT "
    "min(audit_checkpoint.size) AS min_1 FROM audit_checkpoint WHERE audit_checkpoint.size > ?)"
)
TILE = (
    "SELECT audit_tile.data, audit_tile.root FROM audit_tile WHERE audit_tile.level = ? AND "
    "audit_tile.idx = ?"
)
FIND = (
    "SELECT audit_entry.seq, audit_entry.body, audit_entry.leaf_hash FROM audit_entry WHERE "
    "audit_entry.seq >= ?"
)
FIND_KINDS = "audit_entry.kind IN (?)"
FIND_RESOURCE = "audit_entry.resource_key = ?"
FIND_RUN = "audit_entry.run_id = ?"
FIND_DIGEST = "audit_entry.request_digest >= ? AND audit_entry.request_digest < ?"
FIND_OLDEST = "audit_entry.seq ASC"
FIND_NEWEST = "audit_entry.seq DESC"
SCAN_ENTRIES = (
    "SELECT audit_entry.seq, audit_entry.record_id, audit_entry.ts_ns, audit_entry.kind, "
    "audit_entry.run_id, audit_entry.actor_id, audit_entry.request_id, audit_entry.request_digest, "
    "audit_entry.resource_key, audit_entry.verdict, audit_entry.leaf_hash, audit_entry.body FROM "
    "audit_entry ORDER BY audit_entry.seq"
)
SCAN_CHECKPOINTS = (
    "SELECT audit_checkpoint.size, audit_checkpoint.root, audit_checkpoint.note FROM "
    "audit_checkpoint ORDER BY audit_checkpoint.size"
)
SCAN_CLAIMS = 'SELECT audit_claim."key", audit_claim.value FROM audit_claim ORDER BY audit_claim."key"'
SCAN_TILES = (
    "SELECT audit_tile.level, count(*) AS count_1, max(audit_tile.idx) AS max_1 FROM audit_tile "
    "GROUP BY audit_tile.level"
)
KNOWN = (
    "SELECT audit_entry.seq, audit_entry.kind, audit_entry.verdict, audit_entry.leaf_hash FROM "
    "audit_entry WHERE audit_entry.record_id = ?"
)

TABLES = (
    CREATE_AUDIT_CHECKPOINT,
    CREATE_AUDIT_CLAIM,
    CREATE_AUDIT_ENTRY,
    CREATE_AUDIT_TILE,
    CREATE_INDEX_AUDIT_ENTRY_KIND,
    CREATE_INDEX_AUDIT_ENTRY_REQUEST_DIGEST,
    CREATE_INDEX_AUDIT_ENTRY_REQUEST_ID,
    CREATE_INDEX_AUDIT_ENTRY_RESOURCE_KEY,
    CREATE_INDEX_AUDIT_ENTRY_RUN_ID,
)
