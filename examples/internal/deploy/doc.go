// Package deploy has the tests of what happens to browsers while an app is
// deployed: it restarts the program in node again and again, behind nginx.
package deploy
