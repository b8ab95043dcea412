"""Read one document on several cards: processes that torchrun starts, each of which is a rank (docs/distributed.md).

place.py     which rank this process is, from torchrun's variables
group.py     what ranks agree on before and between rounds, and who reports an error
exchange.py  what passes between their runs
together.py  one round of reading
dealt_ids.py the tokenising, shared out
post.py      messages between threads that tokenise
reporter.py  which rank has the terminal
passed.py    how many bytes the design passes
"""
