// Package terraform does what examples/terraform/README.md says: it runs every block of the
// page, word for word and in order, with the real Terraform and the real azurerm. Then it
// applies and destroys the example a few times and sees that a second plan is empty.
//
// It needs root, for an /etc/hosts of its own, and the folder that "-terraform.mirror" names:
// a file-system mirror with the provider, which .ci/nightly builds in 20 minutes.
package terraform
