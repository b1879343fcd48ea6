# What the tests share: the module under test, and machines of QEMU without a guest, each test file in a directory of its own.

$script:root = Split-Path (Split-Path $PSScriptRoot)

function Import-ModuleUnderTest {
    $manifest = Get-ManifestPath
    Import-Module $manifest -Global -Force
}

# $env:MOMENTTOOLS_MODULE, else the newest build in out/.
function Get-ManifestPath {
    if ($env:MOMENTTOOLS_MODULE) { return $env:MOMENTTOOLS_MODULE }
    $built = Get-ChildItem (Join-Path $script:root out/MomentTools/*/MomentTools.psd1) -ErrorAction Ignore | Sort-Object { [version]$_.Directory.Name } | Select-Object -Last 1
    if (-not $built) { throw 'There is no built module in out/MomentTools: run ./build.sh first.' }
    $built.FullName
}

function Get-RepositoryRoot { $script:root }

# Socket paths have 107 bytes, so this does not lie in TestDrive.
function New-Place {
    $place = (New-Item -ItemType Directory -Path ([IO.Path]::Combine([IO.Path]::GetTempPath(), "mt$([guid]::NewGuid().ToString('N').Substring(0, 8))"))).FullName
    New-Item -ItemType Directory $place/run | Out-Null
    $script:before = $env:MOMENTTOOLS_HOME, $env:XDG_RUNTIME_DIR
    $env:MOMENTTOOLS_HOME = "$place/home"
    $env:XDG_RUNTIME_DIR = "$place/run"
    $place
}

function Remove-Place([string] $Path) {
    Get-VMDomain -ErrorAction Ignore | Where-Object { $_.State -ne 'Stopped' -and -not $_.Attached } | Stop-VMDomain -Force -ErrorAction Continue | Out-Null
    $env:MOMENTTOOLS_HOME, $env:XDG_RUNTIME_DIR = $script:before
    Set-Location $script:root
    Remove-Item $Path -Recurse -Force
}

function Test-Tool([string[]] $Name = @('qemu-img', 'qemu-storage-daemon', 'qemu-system-x86_64', 'qemu-io')) {
    -not ($Name | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
}

function New-Disk([string] $Path, [string] $Size = '64M', [string] $Format = 'qcow2') {
    qemu-img create -q -f $Format $Path $Size
    if ($LASTEXITCODE) { throw "qemu-img could not create $Path" }
}

# Writes to a disk of a stopped machine as its guest would have: through QEMU, which keeps the bitmaps.
function Write-Disk([string] $Path, [string[]] $Command) {
    $arguments = $Command | ForEach-Object { '-c'; $_ }
    $said = qemu-io -f qcow2 @arguments $Path
    if ($LASTEXITCODE) { throw "qemu-io failed on ${Path}: $said" }
}

function Get-DomainXml([string] $Name, [string[]] $Disk, [guid] $Uuid = [guid]::NewGuid()) {
    $index = 0
    $disks = foreach ($path in $Disk) {
        $format = $path.EndsWith('.raw') ? 'raw' : 'qcow2'
        $target = 'vd' + [char]([int][char]'a' + $index++)
        "<disk type='file' device='disk'><driver name='qemu' type='$format'/><source file='$path'/><target dev='$target' bus='virtio'/></disk>"
    }
    "<domain type='qemu'><name>$Name</name><uuid>$Uuid</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>" +
    "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>$disks</devices></domain>"
}

# A registered machine with one disk, vda, in PLACE/NAME.qcow2.
function New-Machine([string] $Place, [string] $Name = 'web1', [switch] $Started) {
    New-Disk "$Place/$Name.qcow2"
    $machine = Register-VMDomain -Xml (Get-DomainXml $Name "$Place/$Name.qcow2")
    if ($Started) { $machine = Start-VMDomain $Name -Paused }
    $machine
}

# What a view prints, as lines without trailing blanks.
function Get-View($InputObject, [int] $Width = 80, [scriptblock] $Format = { $input | Out-String -Width $Width }) {
    $before = $PSStyle.OutputRendering
    $PSStyle.OutputRendering = 'PlainText'
    try { ($InputObject | & $Format) -split '\r?\n' | ForEach-Object TrimEnd | Where-Object { $_ } }
    finally { $PSStyle.OutputRendering = $before }
}

# Backups of web1 that each hold something of their own, in ./repo, and what the disk held then, in ./then.
function New-BackupChain([int] $Count = 4) {
    Remove-Item ./repo, ./then -Recurse -Force -ErrorAction Ignore
    New-Item -ItemType Directory ./then | Out-Null
    foreach ($number in 1..$Count) {
        Write-Disk "$PWD/web1.qcow2" "write -P $number $($number * 128)k 64k"
        $backup = Backup-VMDomain web1 ./repo
        Copy-Item ./web1.qcow2 "./then/$($backup.Id).qcow2"
        $backup
    }
}

# Whether each of them that is there still reads as the disk did, and is found whole.
function Test-BackupChain {
    foreach ($backup in Get-VMBackup web1 ./repo) {
        qemu-img compare -q -f qcow2 -F qcow2 "./then/$($backup.Id).qcow2" $backup.Disks[0].Path
        if ($LASTEXITCODE) { return $false }
    }
    Test-VMBackup web1 ./repo
}

Export-ModuleMember -Function *
