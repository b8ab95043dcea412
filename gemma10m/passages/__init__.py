"""Find the way back into a document: its passages in a full-text index, retrieved for a question, quoted verbatim.

cutting.py     document -> passages that know where they stand, and their sentences
wrapping.py    which line breaks end no sentence
code_files.py  which files are read by line and found by parts of names
tables.py      rows with their headings, and what they say
folding.py     one spelling for what is indexed and compared
words.py       which words of a question or an answer say what it is about
building.py    passages -> an index on disk, whole or not at all
index.py       words -> the passages that have them
searching.py   question -> the passages that are found for it
merging.py     many indexes -> one
retrieve.py    question -> the passages that are read again before it
numbers.py     digits -> numbers as wholes
comparable.py  sentence -> its names, numbers, words, negations and joints
matching.py    whether a sentence says what an answer says
statements.py  answer -> its sentences, and what each leaves to the question
verdicts.py    answer -> verified with its quotes, unverified, or no answer
comparisons.py question that compares -> what is asked of each
follow_ups.py  question that refers back -> one that stands alone
titles.py      headings of passages
quotes.py      quotes -> places, checked against the files
"""
