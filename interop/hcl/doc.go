// Package hcl has only tests: HashiCorp's own parser reads what acrkit writes for Terraform.
package hcl
