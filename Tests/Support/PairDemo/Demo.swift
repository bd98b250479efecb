import Glibc
import LinuxIO
import NamespaceLab
import Primitives

/// The name of a lab that outlives its process.
private let keptName = "tandem-demo"

/// Returns the exit status.
func runDemo(_ arguments: [String]) -> Int32 {
    do {
        switch arguments {
        case []:
            return try Story().tell() ? 0 : 1
        case ["--keep"]:
            try keep()
            return 0
        case ["--down"]:
            Lab.remove(prefix: keptName + "-", directory: "/tmp/" + keptName)
            show("scripts/demo: \(keptName) is gone")
            return 0
        case ["--backend"]:
            let backend = try Backend(port: Lab.port)
            while true {
                pause(.seconds(3600))
                show("\(backend.served.answers) answers")
            }
        default:
            show("usage: scripts/demo [--keep | --down]")
            return 2
        }
    } catch {
        show("scripts/demo: \(error)")
        return 1
    }
}

/// The founding document's files.
let seedFiles: String = {
    let here = #filePath.split(separator: "/").dropLast(3)
    return here.reduce("") { $0 + "/" + $1 } + "/Fixtures/seed"
}()

/// Brings the pair up and leaves it.
private func keep() throws {
    let lab = try Lab(seed: seedFiles, name: keptName, servesBackend: false)
    var spawn = Spawn(
        path: ipProgram,
        arguments: [
            ipProgram, "netns", "exec", lab.backendHost.name, productDirectory() + "/pair-demo",
            "--backend",
        ],
        environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    )
    spawn.group = .ownSession
    _ = try spawn.start()
    try lab.startBoth()
    let control = productDirectory() + "/tandemctl"
    show(try lab.machine1.control("status").output)
    lab.keep()
    show(
        """
        The pair is up and stays up. To look around, as root:

          \(control) -s \(lab.machine1.socket) status
          \(control) -s \(lab.machine2.socket) status
          \(control) -s \(lab.machine1.socket) why
          \(control) -s \(lab.machine1.socket)            (a prompt)
          ip netns exec \(lab.machine1.namespace.name) ip address show eth0
          ip netns exec \(lab.client.name) bash -c \\
            'exec 3<>/dev/tcp/192.168.0.100/7001; echo who >&3; cat <&3'
          tail -f \(lab.machine1.logFile) \(lab.machine2.logFile)

        The answer to "who" is the backend's address and the address of the machine that proxied.
        To break something: \(control) -s \(lab.machine1.socket) stop proxy
        To end it: scripts/demo --down
        """
    )
}

/// Writes a line at once, also into a pipe.
func show(_ line: String, terminator: String = "\n") {
    let bytes = Array((line + terminator).utf8)
    _ = write(STDOUT_FILENO, bytes, bytes.count)
}
