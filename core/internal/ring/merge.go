package ring

// Merge appends to dst what the lists hold, in the order of the sequence
// numbers, as far as maxItems and maxBytes allow, but at least one item. Each
// list is in order already, and no two hold the same item. It reports whether
// everything fitted.
func Merge[T Item](dst []T, lists [][]T, maxItems, maxBytes int) ([]T, bool) {
	items, bytes := 0, 0
	for {
		oldest := -1
		for i, list := range lists {
			if len(list) > 0 && (oldest < 0 || list[0].Seq() < lists[oldest][0].Seq()) {
				oldest = i
			}
		}
		if oldest < 0 {
			return dst, true
		}
		item := lists[oldest][0]
		if items > 0 && (items >= maxItems || bytes+item.Size() > maxBytes) {
			return dst, false
		}
		dst = append(dst, item)
		items++
		bytes += item.Size()
		lists[oldest] = lists[oldest][1:]
	}
}
