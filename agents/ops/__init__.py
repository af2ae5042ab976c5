import os

# Read once, when langgraph is first imported: a checkpoint revives no classes but langgraph's safe ones.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
