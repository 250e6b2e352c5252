"""Reads with a known truth: drawn from a spec and a seed, written on true coordinates.

``spec`` says what to draw, ``genome`` what lies around the exons, ``haplotypes`` what the clones'
molecules are made of, ``molecules`` which of them are in the tube, ``sequencing`` what an
instrument reads of them, ``writing`` the files, ``truth`` the counts before any error. ``run``
does all of it, ``demo`` the bundled samples.
"""
