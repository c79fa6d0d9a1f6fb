package ring

// Merge appends to dst what the lists hold, in the order of the sequence
// numbers, as far as maxItems and maxBytes allow, but at least one item. Each
// list is in order already, and no two hold the same item. If whole, the bounds
// do not part items that belong together. It reports whether everything fitted.
func Merge[T Item](dst []T, lists [][]T, maxItems, maxBytes int, whole bool) ([]T, bool) {
	items, bytes, until := 0, 0, uint64(0)
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
		full := items > 0 && (items >= maxItems || bytes+item.Size() > maxBytes)
		if full && (!whole || item.Seq() > until) {
			return dst, false
		}
		until = item.Until()
		dst = append(dst, item)
		items++
		bytes += item.Size()
		lists[oldest] = lists[oldest][1:]
	}
}
