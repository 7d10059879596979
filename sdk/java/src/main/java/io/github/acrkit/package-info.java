/**
 * A scope-mapped token's name and password for Microsoft's clients of Azure Container Registry.
 *
 * <p>{@link io.github.acrkit.ScopedToken} gives the clients' builders an endpoint and an HTTP client that sends each
 * request with the access token that it needs.
 */
package io.github.acrkit;
