BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    Set-Location $place
}

AfterAll { Remove-Place $place }

Describe 'What came from a stranger' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    It 'is read from no file that an image names elsewhere, before -AcceptBacking takes it' {
        New-Item -ItemType Directory $place/bases, $place/disks | Out-Null
        New-Disk "$place/bases/base.qcow2"
        qemu-img create -q -f qcow2 -b "$place/bases/base.qcow2" -F qcow2 "$place/disks/theirs.qcow2"
        $xml = Get-DomainXml theirs "$place/disks/theirs.qcow2"
        $failure = { Register-VMDomain -Xml $xml -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'DiskBackingForeign,*'
        $failure.TargetObject | Should -Be "$place/bases/base.qcow2"
        $failure.ErrorDetails.RecommendedAction | Should -BeLike '*-AcceptBacking*'
        Get-VMDomain theirs -ErrorAction Ignore | Should -BeNullOrEmpty
        (Register-VMDomain -Xml $xml -AcceptBacking).Name | Should -Be theirs
        Get-Content "$env:MOMENTTOOLS_HOME/domains/theirs/domain.xml" -Raw | Should -BeLike '*<backingStore*bases/base.qcow2*'
    }

    It 'becomes no machine with arguments for QEMU, before -TrustDefinition vouches for it' {
        New-Disk "$place/mine.qcow2"
        $xml = (Get-DomainXml mine "$place/mine.qcow2") -replace '</domain>', "<commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-name'/><arg value='debug-threads=on'/></commandline></domain>"
        Register-VMDomain -Xml $xml | Out-Null
        $backup = Backup-VMDomain mine ./repo -ErrorAction Stop
        Unregister-VMDomain mine -RemoveMetadata -Confirm:$false | Out-Null
        foreach ($way in @{}, @{ Instant = $true }) {
            $failure = { $backup | Restore-VMBackup -AsDomain copy -Destination ./copy @way -ErrorAction Stop } | Should -Throw -PassThru
            $failure.FullyQualifiedErrorId | Should -BeLike 'RestoreDefinitionUntrusted,*'
            $failure.Exception.Message | Should -BeLike '*debug-threads=on*'
            Get-Content $failure.TargetObject -Raw | Should -BeLike '*debug-threads=on*'
            './copy' | Should -Not -Exist
        }
        ($backup | Restore-VMBackup -AsDomain copy -Destination ./copy -TrustDefinition -WarningAction Ignore).Domain | Should -Be copy
    }
}
