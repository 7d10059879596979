package sentence

// The fixes where a client runs on another machine than its reader's. Source: Microsoft,
// "Authenticate with Azure Container Registry from Azure Kubernetes Service", "Configure
// a custom container for App Service", "Managed identity image pull" of Container Apps;
// Docker, "Verify repository client with certificates"; containerd, hosts.md.
const (
	AttachRegistry      FixKey = "attach_registry"        // to an AKS cluster
	PullByAppIdentity   FixKey = "pull_by_app_identity"   // of App Service
	SetAppRegistry      FixKey = "set_app_registry"       // of Container Apps
	TrustForDocker      FixKey = "trust_for_docker"       // a certificate authority
	TrustForContainerd  FixKey = "trust_for_containerd"   // likewise
	SignInThenLogin     FixKey = "sign_in_then_login"     // the Azure CLI, and then to the registry
	StartDocker         FixKey = "start_docker"           // the daemon
	PullRepository      FixKey = "pull_repository"        // a login server was taken for an image
	PullFrom            FixKey = "pull_from"              // a reference names no host
	PushToLoginServer   FixKey = "push_to_login_server"   // a registry's name was taken for a user of Docker Hub
	SignInWithAssertion FixKey = "sign_in_with_assertion" // a fresh one
	WaitFor             FixKey = "wait_for"               // as long as the service asks
)

var fixesOfClients = map[FixKey]string{
	AttachRegistry: "az aks update --name CLUSTER --resource-group GROUP --attach-acr {name}" +
		"    # or a pull secret that the pod names in imagePullSecrets",
	PullByAppIdentity: "az webapp config set --name APP --resource-group GROUP" +
		` --generic-configurations '{{"acrUseManagedIdentityCreds": true}}'    # and AcrPull for its identity`,
	SetAppRegistry: "az containerapp registry set --name APP --resource-group GROUP --server {server} " +
		"--identity system" +
		"    # and AcrPull for it",
	TrustForDocker: "sudo mkdir -p /etc/docker/certs.d/{host} && sudo cp ca.pem /etc/docker/certs.d/{host}/ca.crt" +
		"    # where the docker daemon runs",
	TrustForContainerd: "sudo mkdir -p /etc/containerd/certs.d/{host} && sudo cp ca.pem " +
		"/etc/containerd/certs.d/{host}/ca.crt" +
		"    # on each node",
	SignInThenLogin: "az login && az acr login --name {name}",
	StartDocker:     "docker info    # the docker daemon must run; without one: az acr login --expose-token",
	PullRepository:  "docker pull {host}/REPOSITORY:TAG    # the login server alone is not an image",
	PullFrom:        "docker pull {host}/{repository}    # a reference begins with the registry's login server",
	PushToLoginServer: "docker push {user}.azurecr.io/{repository}" +
		"    # if {user} is the registry: a reference begins with its login server",
	SignInWithAssertion: "az login --service-principal --username {client} --tenant TENANT --federated-token" +
		` "$(cat "$AZURE_FEDERATED_TOKEN_FILE")"    # with a token that was just issued`,
	WaitFor: "sleep {seconds}    # by Retry-After",
}
