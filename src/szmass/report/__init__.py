"""The report: every figure and table of both papers on one page, ours beside theirs."""
