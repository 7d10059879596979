import java.net.Socket;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** Connects to ports of this machine under other names: Probe CA.pem NAME PORT... */
public class Probe {
    public static void main(String[] args) throws Exception {
        SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        for (int i = 1; i < args.length; i += 2) {
            String name = args[i];
            int port = Integer.parseInt(args[i + 1]);
            try (Socket plain = new Socket("127.0.0.1", port); SSLSocket s = (SSLSocket) factory.createSocket(plain, name, port, true)) {
                SSLParameters p = s.getSSLParameters();
                p.setEndpointIdentificationAlgorithm("HTTPS");
                s.setSSLParameters(p);
                s.startHandshake();
                System.out.println(name + " accepted");
            } catch (SSLException e) {
                System.out.println(name + " refused: " + e.getMessage());
            }
        }
    }
}
