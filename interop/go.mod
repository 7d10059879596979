module github.com/acrkit/acrkit/interop

go 1.26.0

replace github.com/acrkit/acrkit => ../
