import Glibc
import NamespaceLab

let arguments = Array(CommandLine.arguments.dropFirst())
exit(runDemo(arguments))
