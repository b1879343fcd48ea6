#Requires -Version 7.6
#Requires -Modules MomentTools, @{ ModuleName = 'Pester'; ModuleVersion = '5.5' }
# A suite that has its machine in the same state before each test, whatever the test before did to it.
# Copy it, and put your own checks into the blocks. It is run by
#     Invoke-Pester -Container (New-PesterContainer samples/ResetBetweenTests.Tests.ps1 -Data @{ VM = 'web1'; Snapshot = 'clean' })
# and leaves the machine where it was, also when a test fails, throws, or the run is stopped with Ctrl-C.
param(
    [Parameter(Mandatory)][string] $VM,
    [Parameter(Mandatory)][string] $Snapshot
)

Describe 'A machine that is reset between tests' {
    It 'may be spoilt by one test' {
        Use-VMSnapshot $VM $Snapshot {
            $disk = (Get-VMDomain $VM).Disks[0].Path
            qemu-io -f qcow2 -c 'write -P 255 0 1M' $disk | Out-Null
            $LASTEXITCODE | Should -Be 0
        }
    }

    It 'is as it was for the next' {
        Use-VMSnapshot $VM $Snapshot {
            $disk = (Get-VMDomain $VM).Disks[0].Path
            qemu-io -r -U -f qcow2 -c 'read -P 255 0 1M' $disk | Out-String | Should -Match 'Pattern verification failed'
        }
    }

    It 'can be started, and is off again afterwards' {
        $before = (Get-VMDomain $VM).State
        Use-VMSnapshot $VM $Snapshot { (Start-VMDomain $VM -Paused).State } | Should -Be Paused
        (Get-VMDomain $VM).State | Should -Be $before
    }
}
