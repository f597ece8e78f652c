"""What every page, figure and table of a report is made of."""
