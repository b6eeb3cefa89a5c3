"""Files that anybody wrote, as facts with places: what the real reader makes of each; nothing is run or fetched."""
