"""Write public question sets and haystacks for them."""
