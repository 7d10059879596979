// Attaches a report to an image, tags the image as approved, and locks that tag: Promote samples/app v1
// The token needs content/read, content/write, metadata/read and metadata/write.
import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.containers.containerregistry.ContainerRegistryContentClient;
import com.azure.containers.containerregistry.ContainerRegistryContentClientBuilder;
import com.azure.containers.containerregistry.RegistryArtifact;
import com.azure.containers.containerregistry.models.ArtifactTagProperties;
import com.azure.containers.containerregistry.models.GetManifestResult;
import com.azure.containers.containerregistry.models.SetManifestOptions;
import com.azure.containers.containerregistry.models.UploadRegistryBlobResult;
import com.azure.core.util.BinaryData;
import com.azure.core.util.Context;
import io.github.acrkit.ScopedToken;
import java.io.ByteArrayOutputStream;
import java.nio.channels.Channels;
import java.util.Arrays;

public class Promote {
    public static void main(String[] args) {
        ScopedToken acr = ScopedToken.of(
            System.getenv("ACR_NAME"), System.getenv("ACR_TOKEN_NAME"), System.getenv("ACR_TOKEN_PASSWORD"));
        ContainerRegistryClient client = new ContainerRegistryClientBuilder()
            .endpoint(acr.endpoint())
            .httpClient(acr.httpClient())
            .buildClient();
        String repository = args[0];
        String tag = args[1];
        String approved = tag + "-approved";
        ContainerRegistryContentClient content = new ContainerRegistryContentClientBuilder()
            .endpoint(acr.endpoint())
            .httpClient(acr.httpClient())
            .repositoryName(repository)
            .buildClient();

        GetManifestResult image = content.getManifest(tag);
        System.out.println("manifest: " + image.getDigest());

        byte[] head = ("report on " + image.getDigest() + "\n").getBytes();
        byte[] report = Arrays.copyOf(head, head.length + (5 << 20)); // more than one chunk
        UploadRegistryBlobResult blob = content.uploadBlob(BinaryData.fromBytes(report));
        ByteArrayOutputStream copy = new ByteArrayOutputStream();
        content.downloadStream(blob.getDigest(), Channels.newChannel(copy));
        if (!Arrays.equals(copy.toByteArray(), report)) {
            throw new IllegalStateException("the blob came back changed");
        }
        System.out.println("blob: " + blob.getDigest() + " " + blob.getSizeInBytes());

        // The manifest as it came is a stream, which the synchronous client cannot send.
        BinaryData manifest = BinaryData.fromBytes(image.getManifest().toBytes());
        content.setManifestWithResponse(
            new SetManifestOptions(manifest, image.getManifestMediaType()).setTag(approved), Context.NONE);
        RegistryArtifact artifact = client.getArtifact(repository, approved);
        ArtifactTagProperties locked = artifact.updateTagProperties(
            approved, new ArtifactTagProperties().setWriteEnabled(false).setDeleteEnabled(false));
        System.out.println("approved: " + approved + " writable: " + locked.isWriteEnabled());
    }
}
