package org.assent.sample.approval

/** How many lines, from the top, end above the lower edge of the window: [bottoms] are their lower edges, in order. */
fun fullyShown(bottoms: List<Int>, edge: Int): Int = bottoms.takeWhile { it <= edge }.size
