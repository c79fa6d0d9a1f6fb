package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// Spend makes a node the memory of tickets that were redeemed, on all nodes: see
// the field Spent of TicketConfig in package middleware. It takes a call of the
// store. The store must remember its once keys for longer than a ticket is valid;
// it does by default.
func (n *Node) Spend(ctx context.Context, id string, _ time.Time) (first bool, err error) {
	if fault := history.NameFault(id); fault != "" {
		return false, fmt.Errorf("tidings: cluster: ticket: %s", fault)
	}
	r := history.Record{Channel: history.ControlTickets, ID: rand.Text(), Once: id, Body: []byte("data: spent\n")}
	entries, err := n.store.Append(ctx, []history.Record{r})
	if err != nil {
		return false, fmt.Errorf("tidings: cluster: %w", err)
	}
	return entries[0].OwnID() == r.ID, nil
}
