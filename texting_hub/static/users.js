/* Nothing here is needed to use the list: without it, boxes are checked one by one, and the bar is always there. */
