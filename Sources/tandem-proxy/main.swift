import Glibc
import ProxyRuntime

exit(ProxyProgram.run(Array(CommandLine.arguments.dropFirst())))
