import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.containers.containerregistry.ContainerRegistryContentClient;
import com.azure.containers.containerregistry.ContainerRegistryContentClientBuilder;
import com.azure.containers.containerregistry.RegistryArtifact;
import com.azure.containers.containerregistry.models.ArtifactTagProperties;
import com.azure.containers.containerregistry.models.GetManifestResult;
import com.azure.containers.containerregistry.models.SetManifestOptions;
import com.azure.containers.containerregistry.models.UploadRegistryBlobResult;
import com.azure.core.credential.AccessToken;
import com.azure.core.credential.TokenCredential;
import com.azure.core.util.BinaryData;
import com.azure.core.util.Context;
import java.io.ByteArrayOutputStream;
import java.nio.channels.Channels;
import java.time.OffsetDateTime;
import java.util.Arrays;
import reactor.core.publisher.Mono;

/**
 * Attaches a report to an image, tags the image as approved, and locks that tag.
 *
 * <pre>acrkit proxy myregistry.azurecr.io -- java Promote samples/app v1</pre>
 */
public class Promote {
    public static void main(String[] args) {
        String endpoint = System.getenv("ACRKIT_PROXY_URL");
        // Shows the proxy the key that it made for this run.
        TokenCredential credential = request ->
            Mono.just(new AccessToken(System.getenv("ACRKIT_PROXY_KEY"), OffsetDateTime.now().plusHours(1)));

        ContainerRegistryClient client = new ContainerRegistryClientBuilder()
            .endpoint(endpoint).credential(credential).buildClient();
        if (args.length == 0) { // what is there?
            client.listRepositoryNames().forEach(System.out::println);
            return;
        }
        String repository = args[0], tag = args[1], approved = tag + "-approved";
        RegistryArtifact artifact = client.getArtifact(repository, tag);
        ContainerRegistryContentClient content = new ContainerRegistryContentClientBuilder()
            .endpoint(endpoint).credential(credential).repositoryName(repository).buildClient();

        StringBuilder tags = new StringBuilder("tags:");
        artifact.listTagProperties().forEach(t -> tags.append(' ').append(t.getName()));
        System.out.println(tags);

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
        artifact.updateTagProperties(approved, new ArtifactTagProperties().setWriteEnabled(false).setDeleteEnabled(false));
        System.out.println("approved: " + approved + " writable: " + artifact.getTagProperties(approved).isWriteEnabled());
    }
}
