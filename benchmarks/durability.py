"""What it costs that every finished turn is on disk before the next: three ways to do it, and none.

    python benchmarks/durability.py [--samples 2000] [--turns 6] [--rounds 3]

Prints JSON: milliseconds and bytes on disk a turn. `store` is ours (`stores/replies.py`), `lines` one
appended and flushed JSON line a turn, `langgraph` LangGraph's SQLite checkpointer on a graph of as many
nodes, with its time without any checkpointer taken off; each with 256 samples under way.
"""
