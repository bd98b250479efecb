import Glibc
import ProxyRuntime

exit(ProxyProgram.main(Array(CommandLine.arguments.dropFirst())))
