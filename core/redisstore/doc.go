// Package redisstore keeps the history of hubs in Redis.
package redisstore
