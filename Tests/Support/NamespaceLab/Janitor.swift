import Glibc
import LinuxIO

/// Takes a lab away when its owner ends, however it ends: a shell that waits for the end of a pipe.
struct Janitor: ~Copyable {
    private let pipe: Pipe
    private let child: ChildProcess

    /// Namespaces have this prefix; `directory` is removed.
    init(prefix: String, directory: String) throws {
        let pipe = try Pipe()
        var spawn = Spawn(
            path: "/bin/sh",
            arguments: ["sh", "-c", Janitor.script, "tandem-lab-janitor", prefix, directory],
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        )
        _ = fcntl(pipe.read.rawValue, F_SETFL, 0)
        spawn.standardInput = pipe.read.rawValue
        // Ctrl-C is for the test, not for who cleans up after it.
        spawn.group = .ownSession
        let child = try spawn.start()
        self.pipe = pipe
        self.child = child
    }

    /// It ends without doing anything: the lab is gone already, or is to stay.
    func dismiss() {
        _ = try? pipe.write.write(Array("keep\n".utf8))
        _ = wait(.seconds(5)) { child.reap() != nil }
    }

    private static let script = """
        read -r word
        [ "$word" = keep ] && exit 0
        for round in 1 2 3 4 5; do
            for name in /run/netns/"$1"*; do
                [ -e "$name" ] || continue
                name=${name##*/}
                pids=$(ip netns pids "$name")
                [ -z "$pids" ] || kill -9 $pids
            done
            sleep 0.1
        done
        for name in /run/netns/"$1"*; do
            [ -e "$name" ] || continue
            name=${name##*/}
            ip netns del "$name"
            rm -rf "/etc/netns/$name"
        done
        rm -rf "$2"
        """
}
