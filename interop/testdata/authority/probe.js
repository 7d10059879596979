// Connects to ports of this machine under other names, trusting what
// NODE_EXTRA_CA_CERTS names: probe.js CA.pem NAME PORT...
const net = require("node:net");
const tls = require("node:tls");

(async () => {
  const args = process.argv.slice(3);
  while (args.length > 0) {
    const [name, port] = args.splice(0, 2);
    await new Promise((resolve) => {
      const socket = net.connect(Number(port), "127.0.0.1");
      const end = (said) => {
        console.log(name, said);
        socket.destroy();
        resolve();
      };
      const secure = tls.connect({ socket, host: name, servername: net.isIP(name) ? "" : name }, () => end("accepted"));
      secure.on("error", (e) => end(`refused: ${e.code} ${e.message}`));
    });
  }
})();
