"""The exact way back into a document: its passages in a full-text index, retrieved for a question, quoted verbatim.

cutting.py     document -> passages that know where they stand, and their sentences
wrapping.py    which line breaks end no sentence
code_files.py  which files are read by line and found by parts of names
words.py       which words of a question or an answer say what it is about
negation.py    which words of a text are denied
building.py    passages -> an index on disk, whole or not at all
index.py       words -> the passages that have them
retrieve.py    question -> the passages that are read again before it
claims.py      answer -> what it says, and which words of it must stand in the text
support.py     claim -> the sentences that say so
quotes.py      answer -> the sentences it rests on, checked against the files
"""
