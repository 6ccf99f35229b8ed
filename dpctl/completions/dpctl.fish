# fish completion for dpctl(8), which answers by itself what may stand where.

function __dpctl_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l answer ($words[1] __complete fish $words[2..-1] 2>/dev/null)
    for line in $answer
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c dpctl -f -a '(__dpctl_complete)'
