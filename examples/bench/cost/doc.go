// Package cost measures what middleware costs for each delivery and each stream,
// against a hub without any in the same run:
//
//	go test -bench . -benchtime 3s ./cost
package cost
