// Command empty is what the sizes of the others are compared with.
package main

func main() {}
