module github.com/acrkit/acrkit/bench

go 1.26.0

replace github.com/acrkit/acrkit => ../
