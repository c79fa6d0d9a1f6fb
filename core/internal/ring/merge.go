package ring

// Merge appends the items of the lists to dst, in the order of their sequence
// numbers, as far as maxItems and maxBytes allow, but at least one item. Each
// list is sorted, and no item is in two lists. If whole is set, Merge exceeds
// the bounds rather than split items that belong together. It consumes the
// lists, and reports whether all items fitted.
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
