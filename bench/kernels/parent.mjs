// A client that is killed while its kernel lives. Its only argument is a kernel's command and folder as JSON; it prints the kernel's pid.
import { startKernel } from "../../dist/kernel/client.js";

const { command, folder } = JSON.parse(process.argv[2]);
const client = await startKernel(command, { folder });
console.log(client.pid);
setInterval(() => {}, 1000);
