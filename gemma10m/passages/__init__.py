"""The exact way back into a document: its passages in a full-text index, recalled for a question, quoted verbatim.

cutting.py   document -> passages that know where they stand
words.py     which words of a question or an answer say what it is about
building.py  passages -> an index on disk, whole or not at all
index.py     words -> the passages that have them
recall.py    question -> the passages that are read again before it
quotes.py    answer -> the sentences it rests on, checked against the files
"""
