// A JupyterLab of its own for one run: a free port, a token, a temporary home with a copy of the notebooks, and our kernel installed there.
import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const START_SECONDS = 120;

/** Few steps: the notebooks only show that they run. */
export const FEW_STEPS = {
  EQLAB_SFT_STEPS: "4",
  EQLAB_SFT_CONVERSATIONS: "60",
  EQLAB_SFT_LENGTH: "128",
  EQLAB_HELD_OUT: "8",
  EQLAB_HEAD_TEXTS: "120",
  EQLAB_HEAD_DIALOGUES: "20",
  EQLAB_DPO_PAIRS: "16",
  EQLAB_DPO_STEPS: "3",
  EQLAB_EQ_QUESTIONS: "3",
  EQLAB_EQ_TOKENS: "12",
};

/**
 * `venv`: a virtual environment with JupyterLab 4 and ipywidgets. `project`: the root of the built project. `jupyterPath`: more folders
 * where Jupyter finds extensions.
 */
export async function startServer({ venv, project, jupyterPath = [] }) {
  const home = await mkdtemp(join(tmpdir(), "eqlab-jupyterlab-"));
  const notebooks = join(home, "notebooks");
  await cp(join(project, "notebooks"), notebooks, { recursive: true, filter: (path) => !path.includes(".ipynb_checkpoints") });
  const prefix = join(home, "prefix");
  const cli = join(project, "dist", "cli", "main.js");
  await promisify(execFile)(process.execPath, [cli, "kernel", "install", "--prefix", prefix]);
  const settings = join(home, "settings");
  await mkdir(join(settings, "@jupyterlab", "apputils-extension"), { recursive: true });
  await writeFile(
    join(settings, "@jupyterlab", "apputils-extension", "notification.jupyterlab-settings"),
    JSON.stringify({ fetchNews: "false", checkForUpdates: false }),
  );
  const port = await freePort();
  const token = `t${Math.random().toString(36).slice(2)}`;
  const env = {
    ...process.env,
    ...FEW_STEPS,
    EQLAB_OUT: join(home, "out"),
    HOME: home,
    JUPYTER_CONFIG_DIR: join(home, "config"),
    JUPYTER_DATA_DIR: join(home, "data"),
    JUPYTER_RUNTIME_DIR: join(home, "runtime"),
    JUPYTER_PATH: [join(prefix, "share", "jupyter"), ...jupyterPath].join(":"),
    JUPYTERLAB_SETTINGS_DIR: settings,
    JUPYTERLAB_WORKSPACES_DIR: join(home, "workspaces"),
  };
  const flags = [
    "lab",
    "--no-browser",
    "--allow-root",
    "--expose-app-in-browser",
    "--ip=127.0.0.1",
    `--port=${port}`,
    "--port-retries=0",
    `--IdentityProvider.token=${token}`,
    `--ServerApp.root_dir=${notebooks}`,
    "--LabApp.news_url=",
  ];
  const child = spawn(join(venv, "bin", "jupyter"), flags, { env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (log = (log + chunk).slice(-200_000)));
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
  const url = `http://127.0.0.1:${port}`;
  const server = {
    url,
    token,
    home,
    notebooks,
    log: () => log,
    /** Ends the server and removes its home. Resolves with the command lines of processes that it left behind, which are ended too. */
    async stop() {
      child.kill("SIGTERM");
      await Promise.race([ended, seconds(15)]);
      child.kill("SIGKILL");
      await Promise.race([ended, seconds(5)]);
      await seconds(2); // a kernel looks twice a second whether its parent lives
      const left = await processesOf(home);
      for (const { pid } of left) process.kill(pid, "SIGKILL");
      await rm(home, { recursive: true, force: true, maxRetries: 3 });
      return left.map(({ command }) => command);
    },
  };
  try {
    await answers(`${url}/api/status?token=${token}`, ended);
  } catch (error) {
    await server.stop();
    throw new Error(`${error.message}\n${log.slice(-3000)}`);
  }
  return server;
}

async function answers(address, ended) {
  let over;
  void ended.then((how) => (over = how));
  for (const began = Date.now(); Date.now() - began < START_SECONDS * 1000; await seconds(0.3)) {
    if (over !== undefined) throw new Error(`jupyter lab: expected a running server, it ended with ${over}`);
    const response = await fetch(address).catch(() => undefined);
    if (response?.ok) return;
  }
  throw new Error(`jupyter lab: expected an answer within ${START_SECONDS} s, got none`);
}

/** Processes whose command line names the folder: kernels are started with a connection file below it. */
async function processesOf(folder) {
  const found = [];
  for (const pid of (await readdir("/proc").catch(() => [])).map(Number).filter((pid) => pid > 0 && pid !== process.pid)) {
    const command = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ").trim();
    if (command.includes(folder)) found.push({ pid, command });
  }
  return found;
}

export const seconds = (count) => new Promise((resolve) => setTimeout(resolve, count * 1000));

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
