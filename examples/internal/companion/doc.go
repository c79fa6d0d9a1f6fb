// Package companion has the tests of the companion for pages, core/browser, in a
// browser.
package companion
