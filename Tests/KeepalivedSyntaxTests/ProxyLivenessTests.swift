import Testing

@testable import KeepalivedSyntax

@Suite struct ProxyLivenessTests {
    @Test(
        "Commands that only ask whether haproxy exists are answered by the proxy's health",
        arguments: [
            "killall -0 haproxy", "/usr/bin/killall -0 haproxy", "killall -q -0 haproxy",
            "killall -s 0 haproxy", "killall -0 /usr/sbin/haproxy", "pkill -0 haproxy",
            "/usr/bin/pkill -0 -x haproxy", "kill -0 haproxy", "pidof haproxy",
            "/sbin/pidof haproxy", "/bin/pidof -s haproxy", "pgrep haproxy",
            "/usr/bin/pgrep -x haproxy", "pgrep -f /usr/sbin/haproxy", "ps -C haproxy",
            "systemctl is-active haproxy", "systemctl is-active --quiet haproxy",
            "/bin/systemctl --quiet is-active haproxy.service", "systemctl status haproxy",
            "service haproxy status", "/usr/sbin/service haproxy status",
            "/etc/init.d/haproxy status", "killall -0 haproxy > /dev/null 2>&1",
            "pidof haproxy >/dev/null", "sh -c 'killall -0 haproxy'",
            "/bin/bash -c \"kill -0 $(pidof haproxy)\"", "sh -c 'kill -0 `pidof haproxy`'",
            "sh -c 'kill -0 $(cat /run/haproxy.pid) 2>/dev/null'",
        ]
    )
    func recognised(command: String) {
        #expect(ProxyLiveness.isAsked(by: Lexer.arguments(of: command)))
    }

    @Test(
        "Any other command is run",
        arguments: [
            "", "haproxy", "killall haproxy", "killall -9 haproxy", "killall -HUP haproxy",
            "killall -0 nginx", "killall -0 haproxy nginx", "killall -0 haproxy-exporter",
            "pkill haproxy", "pidof nginx", "pidof haproxy nginx", "pgrep", "kill -0 1234",
            // Without a shell the backquote is only a character: keepalived could not run it either.
            "kill -0 `pidof haproxy`", "systemctl restart haproxy", "systemctl is-active nginx",
            "systemctl is-active haproxy nginx", "service haproxy restart", "service nginx status",
            "haproxy status", "/usr/local/bin/haproxy status", "/etc/haproxy/check.sh",
            "curl -f http://127.0.0.1/", "sh -c 'killall -0 haproxy && curl -f localhost'",
            "sh -c 'killall -0 haproxy; exit 0'", "sh -c", "sh -c 'sh -c \"pidof haproxy\"'",
            "sh -c 'kill -0 $(pidof nginx)'", "nc -z 127.0.0.1 80",
        ]
    )
    func otherwise(command: String) {
        #expect(!ProxyLiveness.isAsked(by: Lexer.arguments(of: command)))
    }

    @Test("A command is split as without a shell")
    func splitting() {
        #expect(
            Lexer.arguments(of: #"/bin/x 'a b' "c d" e\ f {g} "h\"i""#)
                == ["/bin/x", "a b", "c d", "e f", "{g}", "h\"i"]
        )
    }
}
