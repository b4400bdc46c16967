"""About how many operations a fit takes: two for each multiplication with its addition. Needs no torch.

Counted from what one image costs each module and from how often a method computes it: before a fit, to plan
it, and after one, to note it; not while it computes, which would slow it down. A backward pass through a
frozen module costs as much as a forward pass, through a trained one twice as much. What is small beside
that, such as judging on held-out features, is left out, and so is what only a fit finds out: that an exact
start needs no refinement, or that two modules have no common base, so that it learns in another way.

Each part of a fit that methods share has a file here: its count, and the numbers by which it is computed.
"""
