package registry

// WithPage returns the options with pages of at most n items.
func (o ListOptions) WithPage(n int) *ListOptions {
	o.maxPage = n
	return &o
}
